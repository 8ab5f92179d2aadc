import type { DataSource } from 'typeorm';
import { ConfigurationError } from '../../errors/configuration.error.js';
import type { Dialect } from './dialect/dialect.js';
import { MIGRATIONS, type MigrationName } from './schema-traits.js';

/** How far the tables of a database are. */
export interface MigrationState {
  /** In the order in which they were applied. */
  readonly applied: readonly MigrationName[];
  /** Oldest first. */
  readonly missing: readonly MigrationName[];
  /** Applied by a newer version of sitq. */
  readonly unknown: readonly string[];
}

/** Applies and undoes migrations. Processes that do so at the same time take turns. */
export class Migrator {
  constructor(
    private readonly dataSource: DataSource,
    private readonly dialect: Dialect,
  ) {}

  async state(): Promise<MigrationState> {
    const names = await this.appliedNames();
    const isKnown = (name: string): name is MigrationName =>
      MIGRATIONS.some((known) => known === name);
    return {
      applied: names.filter(isKnown),
      missing: MIGRATIONS.filter((name) => !names.includes(name)),
      unknown: names.filter((name) => !isKnown(name)),
    };
  }

  /** @throws ConfigurationError when the tables are newer than this version of sitq. */
  async knownState(): Promise<MigrationState> {
    const state = await this.state();
    if (state.unknown.length === 0) return state;
    throw new ConfigurationError(
      `The tables of sitq are newer than this version of nestjs-sitq: it does not know ` +
        `${state.unknown.join(', ')}. Update nestjs-sitq in this application.`,
      'database',
    );
  }

  /**
   * Applies what is missing. Resolves to what this process applied.
   *
   * @throws ConfigurationError when the tables are newer than this version of sitq.
   */
  async up(): Promise<string[]> {
    if ((await this.knownState()).missing.length === 0) return [];
    return this.changing(async () => {
      // Another process may have done it while this one waited for its turn.
      if ((await this.knownState()).missing.length === 0) return [];
      const applied = await this.dataSource.runMigrations({ transaction: this.transaction });
      return applied.map(({ name }) => name);
    });
  }

  /**
   * Undoes the last migrations. Resolves to their names, last one first.
   *
   * @throws ConfigurationError when the tables are newer than this version of sitq.
   */
  down(count: number): Promise<string[]> {
    return this.changing(async () => {
      const { applied } = await this.knownState();
      const last = applied.slice(-count).reverse();
      for (const _ of last) {
        await this.dataSource.undoLastMigration({ transaction: this.transaction });
      }
      return last;
    });
  }

  private get transaction() {
    return this.dialect.migrationTransaction;
  }

  private async changing(work: () => Promise<string[]>): Promise<string[]> {
    let changed: string[] = [];
    await this.dialect.withSchemaLock(this.dataSource, async () => {
      changed = await work();
    });
    return changed;
  }

  /** Asks the table itself: catalogs hide what a role may not read, as if it were not there. */
  private async appliedNames(): Promise<string[]> {
    const { names } = this.dialect.schema;
    try {
      const rows = await this.dataSource.query<{ name: string }[]>(
        names.in('SELECT name FROM {migration} ORDER BY id'),
      );
      return rows.map((row) => row.name);
    } catch (error) {
      if (this.dialect.isMissingTable(error)) return [];
      throw error;
    }
  }
}
