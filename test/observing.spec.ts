import { TypeOrmBackend } from 'nestjs-sitq';
import { backendConformance, type ConformanceCase } from 'nestjs-sitq/testing';
import { LISTING_MUTATIONS, observingMutant, PEEKING_MUTATIONS } from './app/observing-mutants.js';

describe.each([
  ['WorkerListingBackend', LISTING_MUTATIONS],
  ['PeekingBackend', PEEKING_MUTATIONS],
])('the cases of %s', (group, mutations) => {
  /** By mistake, the cases that fail. */
  const noticed = new Map<string, Set<string>>();

  beforeAll(async () => {
    const trials = Object.entries(mutations).map(async ([mistake, mutation]) => {
      const failed = new Set<string>();
      noticed.set(mistake, failed);
      for (const { name, run } of casesFor(() => observingMutant(mutation))) {
        await run().catch(() => failed.add(name));
      }
    });
    await Promise.all(trials); // some wait in vain until the case gives up
  });

  test.each(Object.keys(mutations))('notice a store that %s', (mistake) => {
    expect(noticed.get(mistake)?.size).toBeGreaterThan(0);
  });

  test.each(casesFor(() => new TypeOrmBackend({ database: ':memory:' })))(
    'have a use for "$name"',
    ({ name }) => {
      expect([...noticed.values()].some((failed) => failed.has(name))).toBe(true);
    },
  );

  function casesFor(create: () => TypeOrmBackend): ConformanceCase[] {
    return backendConformance(create).filter(({ name }) => name.startsWith(`${group}:`));
  }
});
