import type { Fault } from './fault.js';
import { blocked } from './faults/blocked.js';
import { deadlocks } from './faults/deadlocks.js';
import { deaf } from './faults/deaf.js';
import { diskFull } from './faults/disk-full.js';
import { lockHolder } from './faults/lock-holder.js';
import { network } from './faults/network.js';
import { pause } from './faults/pause.js';
import { poison } from './faults/poison.js';
import { powerCut } from './faults/power-cut.js';
import { producerDeath } from './faults/producer-death.js';
import { restart } from './faults/restart.js';
import { rollback } from './faults/rollback.js';
import { sessions } from './faults/sessions.js';
import { shutdown } from './faults/shutdown.js';
import { wal } from './faults/wal.js';
import { workerDeath } from './faults/worker-death.js';

/** Every row of the report, in its order. */
export const FAULTS: readonly Fault[] = [
  workerDeath,
  producerDeath,
  pause,
  blocked,
  poison,
  shutdown,
  rollback,
  sessions,
  restart,
  network,
  deadlocks,
  lockHolder,
  deaf,
  wal,
  powerCut,
  diskFull,
];
