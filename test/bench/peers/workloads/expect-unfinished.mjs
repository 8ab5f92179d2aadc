/** A figure counts only if the peer's store says that the work was done. */
export async function expectUnfinished(session, least, most = least) {
  const unfinished = await session.unfinished();
  if (unfinished >= least && unfinished <= most) return;
  throw new Error(`The store has ${unfinished} unfinished tasks, not ${least} to ${most}.`);
}
