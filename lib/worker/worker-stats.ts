/**
 * What a worker is doing.
 *
 * @publicApi
 */
export interface WorkerStats {
  readonly state: 'created' | 'running' | 'draining' | 'stopped';
  readonly inFlight: number;
  readonly stuck: number;
  /** Writes that were refused because the lease was no longer its own. */
  readonly refused: number;
}
