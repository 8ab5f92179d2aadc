import type { Fault } from './fault.js';
import { blocked } from './faults/blocked.js';
import { boots } from './faults/boots.js';
import { clock } from './faults/clock.js';
import { deadlocks } from './faults/deadlocks.js';
import { deaf } from './faults/deaf.js';
import { diskFull } from './faults/disk-full.js';
import { foreignReader } from './faults/foreign-reader.js';
import { fuzz } from './faults/fuzz.js';
import { ioErrors } from './faults/io-errors.js';
import { lockHolder } from './faults/lock-holder.js';
import { lockedTable } from './faults/locked-table.js';
import { network } from './faults/network.js';
import { oldSnapshot } from './faults/old-snapshot.js';
import { pause } from './faults/pause.js';
import { poison } from './faults/poison.js';
import { powerCut } from './faults/power-cut.js';
import { producerDeath } from './faults/producer-death.js';
import { readOnly } from './faults/read-only.js';
import { release } from './faults/release.js';
import { restart } from './faults/restart.js';
import { rollback } from './faults/rollback.js';
import { serverDiskFull } from './faults/server-disk-full.js';
import { serverPowerCut } from './faults/server-power-cut.js';
import { sessions } from './faults/sessions.js';
import { shutdown } from './faults/shutdown.js';
import { starvation } from './faults/starvation.js';
import { suspend } from './faults/suspend.js';
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
  foreignReader,
  lockedTable,
  deaf,
  wal,
  powerCut,
  serverPowerCut,
  diskFull,
  serverDiskFull,
  ioErrors,
  readOnly,
  clock,
  suspend,
  release,
  boots,
  oldSnapshot,
  starvation,
  fuzz,
];
