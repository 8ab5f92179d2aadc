import { RawPostgres } from '../../databases/raw.postgres.mjs';
import { RawSqlite } from '../../databases/raw.sqlite.mjs';

const KINDS = {
  sqlite: { Raw: RawSqlite, batch: 100, where: ({ file }) => ({ database: file }) },
  postgres: { Raw: RawPostgres, batch: 500, where: ({ url }) => ({ url }) },
};

/** The limit of the database: the statements of a queue by its driver alone, no queue around them. */
export const raw = {
  /** Measures by itself: it has no calls to await one by one, and no handlers. */
  async measure(id, { store, count, durability }) {
    const { Raw, batch, where } = KINDS[store.kind];
    const connection = await Raw.open({ ...where(store), durability });
    const enqueue = async (together) => {
      await connection.enqueue(count, together); // for the compiler
      return connection.enqueue(count, together);
    };
    const measures = {
      W1: () => enqueue(1),
      W2: () => enqueue(100),
      W3: () => enqueue(1000),
      W4: () => connection.drain(count, batch),
      W6: () => connection.drain(count, batch),
    };
    const rate = await measures[id]();
    await connection.close();
    return { rate };
  },
};
