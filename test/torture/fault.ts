import type { StoreKind } from '../app/databases/kinds.js';
import type { Arena } from './arena.js';

/** Numbers that a row of the report shows beside those of every row. */
export type Figures = Readonly<Record<string, number>>;

/** A row of the report: something that goes wrong again and again while tasks run. */
export interface Fault {
  /** For `--fault`. */
  readonly name: string;
  /** What happens, for people. */
  readonly title: string;
  readonly kinds: readonly StoreKind[];
  /** Violations that it brings about by its nature. @default none */
  readonly excused?: RegExp;
  /** Why it cannot happen on this machine, if so. */
  readonly missing?: () => string | undefined;
  /** Opens the arena, does it for `arena.cycles`, and makes good what would not end by itself. */
  play(arena: Arena): Promise<Figures | void>;
}

export const SERVERS = ['postgres', 'mysql', 'mariadb'] as const satisfies readonly StoreKind[];
export const EVERYWHERE = ['sqlite', ...SERVERS] as const satisfies readonly StoreKind[];
