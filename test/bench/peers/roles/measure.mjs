import { loadAdapter } from '../adapters/load.mjs';

/** Measures a workload on a peer. */
export async function play({ row, workload, ...rest }) {
  const adapter = await loadAdapter(workload.adapter ?? row.adapter);
  if (adapter.measure) return adapter.measure(workload.id, { ...row.options, ...rest });
  const { measure } = await import(`../workloads/${workload.file}.mjs`);
  const session = await adapter.open(rest.store, row.options);
  return measure({ session, row, workload, ...rest });
}
