import type { StoreKind } from './databases/kinds.js';
import { createStore, type Store } from './stores.js';

const used: Store[] = [];

/** A store of its own, which goes when the spec has ended. */
export async function tempStore(kind?: StoreKind): Promise<Store> {
  const store = await createStore(kind);
  used.push(store);
  return store;
}

afterAll(() => Promise.all(used.splice(0).map((store) => store.drop())));
