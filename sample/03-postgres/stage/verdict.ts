import { total, type News, type Share } from './shop.js';

/** With fewer invoices than that for each worker, chance decides who has how many. */
const TOO_FEW = 20;

/** What is wrong with how these orders were served: nothing, one hopes. */
export function complaintsAbout(before: News, after: News, orders: number): string[] {
  const missing = before.orders + orders - after.orders;
  const open = after.orders - after.invoices;
  const failed = after.failed - before.failed;
  return [
    ...(missing > 0 ? [`${missing} orders are missing.`] : []),
    ...(open > 0 ? [`${open} orders have no invoice.`] : []),
    ...(failed > 0 ? [`${failed} tasks have failed.`] : []),
    ...poor(after.shares).map(({ pid }) => `Worker ${pid} had less than half of an even share.`),
  ];
}

/** Workers that live and had less than half of an even share: who was killed had no chance. */
function poor(shares: readonly Share[]): Share[] {
  const alive = shares.filter((share) => share.alive);
  const even = total(alive.map(({ invoices }) => invoices)) / alive.length;
  return even < TOO_FEW ? [] : alive.filter(({ invoices }) => invoices < even / 2);
}
