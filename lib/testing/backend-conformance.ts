import type { Backend } from '../core/backend.js';
import { isBulkBackend } from '../core/capabilities/bulk-backend.js';
import { isCancellingBackend } from '../core/capabilities/cancelling-backend.js';
import { isCountingBackend } from '../core/capabilities/counting-backend.js';
import { isJournalingBackend } from '../core/capabilities/journaling-backend.js';
import { isLeasingBackend } from '../core/capabilities/leasing-backend.js';
import { isPeekingBackend } from '../core/capabilities/peeking-backend.js';
import { isPruningBackend } from '../core/capabilities/pruning-backend.js';
import { isResultListingBackend } from '../core/capabilities/result-listing-backend.js';
import { isWakingBackend } from '../core/capabilities/waking-backend.js';
import { isWorkerListingBackend } from '../core/capabilities/worker-listing-backend.js';
import { bulkCases } from './cases/bulk.cases.js';
import { cancelCases } from './cases/cancel.cases.js';
import { countCases } from './cases/count.cases.js';
import { enqueueCases } from './cases/enqueue.cases.js';
import { journalCases } from './cases/journal.cases.js';
import { leaseAndCancelCases, leaseAndCountCases, leaseCases } from './cases/lease.cases.js';
import { peekCases, peerPeekCases } from './cases/peek.cases.js';
import { peerCancelCases, peerCases, peerLeaseCases, peerWakeCases } from './cases/peer.cases.js';
import { pruneAndJournalCases, pruneCases } from './cases/prune.cases.js';
import { reserveCases } from './cases/reserve.cases.js';
import { resultListingCases } from './cases/result-listing.cases.js';
import { resultCases } from './cases/result.cases.js';
import { statusCases } from './cases/status.cases.js';
import { wakeAndCancelCases, wakeCases } from './cases/wake.cases.js';
import { peerWorkerListingCases, workerListingCases } from './cases/worker-listing.cases.js';
import { Scene } from './scene.js';

/**
 * One demand on a backend.
 *
 * @publicApi
 */
export interface ConformanceCase {
  /** What is demanded, as a sentence; unique within the suite. */
  readonly name: string;
  /** Resolves when a fresh backend meets the demand, else rejects with an `AssertionError`. */
  readonly run: () => Promise<void>;
}

/**
 * What the suite may know about a backend.
 *
 * @publicApi
 */
export interface BackendConformanceOptions<B extends Backend> {
  /**
   * Makes another backend on the store of the given one, as another process would have it. The
   * suite then also checks what the two see of each other. @default not checked
   */
  readonly peer?: (backend: B) => Backend;
}

/**
 * What every `Backend` must do, as a list of cases for whatever runs your tests: the eight methods
 * always, and each optional capability that the backend has.
 *
 * @example
 * for (const { name, run } of backendConformance(() => new MyBackend())) test(name, run);
 *
 * @param create makes a backend on an empty store of its own, not opened yet. Called for each case,
 * which opens and closes it, and once to see what it can do.
 *
 * @publicApi
 */
export function backendConformance<B extends Backend>(
  create: () => B,
  { peer }: BackendConformanceOptions<B> = {},
): ConformanceCase[] {
  const sample: Backend = create();
  const cases = applicable(SUITE, sample).map(({ name, check }) => ({
    name,
    run: () => withOpen(create(), (backend) => check(new Scene(backend))),
  }));
  if (!peer) return cases;
  const together = applicable(PEER_SUITE, sample).map(({ name, check }) => ({
    name,
    run: () =>
      withOpen(create(), (one) =>
        withOpen(peer(one), (other) => check(new Scene(one), new Scene(other))),
      ),
  }));
  return [...cases, ...together];
}

/** Asks for one scene or two, whose capabilities its group's condition vouches for. */
type Check = (...scenes: never[]) => Promise<void>;
type Group = readonly [
  name: string,
  applies: (backend: Backend) => boolean,
  cases: Readonly<Record<string, Check>>,
];

const always = (): boolean => true;
const both =
  (one: (backend: Backend) => boolean, other: (backend: Backend) => boolean) =>
  (backend: Backend): boolean =>
    one(backend) && other(backend);

const SUITE: readonly Group[] = [
  ['enqueueTask', always, enqueueCases],
  ['reserveTask', always, reserveCases],
  ['updateTaskStatus', always, statusCases],
  ['storeResult', always, resultCases],
  ['BulkBackend', isBulkBackend, bulkCases],
  ['CancellingBackend', isCancellingBackend, cancelCases],
  ['CountingBackend', isCountingBackend, countCases],
  ['JournalingBackend', isJournalingBackend, journalCases],
  ['LeasingBackend', isLeasingBackend, leaseCases],
  ['LeasingBackend', both(isLeasingBackend, isCancellingBackend), leaseAndCancelCases],
  ['LeasingBackend', both(isLeasingBackend, isCountingBackend), leaseAndCountCases],
  ['PeekingBackend', isPeekingBackend, peekCases],
  ['PruningBackend', isPruningBackend, pruneCases],
  ['PruningBackend', both(isPruningBackend, isJournalingBackend), pruneAndJournalCases],
  ['ResultListingBackend', isResultListingBackend, resultListingCases],
  ['WakingBackend', isWakingBackend, wakeCases],
  ['WakingBackend', both(isWakingBackend, isCancellingBackend), wakeAndCancelCases],
  ['WorkerListingBackend', both(isLeasingBackend, isWorkerListingBackend), workerListingCases],
];

const PEER_SUITE: readonly Group[] = [
  ['two backends', always, peerCases],
  ['two CancellingBackends', isCancellingBackend, peerCancelCases],
  ['two LeasingBackends', isLeasingBackend, peerLeaseCases],
  ['two PeekingBackends', isPeekingBackend, peerPeekCases],
  ['two WakingBackends', isWakingBackend, peerWakeCases],
  [
    'two WorkerListingBackends',
    both(isLeasingBackend, isWorkerListingBackend),
    peerWorkerListingCases,
  ],
];

function applicable(suite: readonly Group[], backend: Backend) {
  return suite
    .filter(([, applies]) => applies(backend))
    .flatMap(([group, , cases]) =>
      Object.entries(cases).map(([demand, check]) => ({
        name: `${group}: ${demand}`,
        check: (...scenes: Scene[]) => check(...(scenes as never[])),
      })),
    );
}

async function withOpen<B extends Backend>(
  backend: B,
  work: (backend: B) => Promise<void>,
): Promise<void> {
  await backend.open();
  try {
    await work(backend);
  } finally {
    await backend.close();
  }
}
