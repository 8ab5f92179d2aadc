/** Tables that sitq has. */
const TABLES = ['task', 'worker', 'log', 'progress', 'migration'] as const;

export type TableName = (typeof TABLES)[number];

/**
 * The names of the tables in one database. Statements are written with `{task}`, `{worker}` and
 * so on, and get the real names here; prefix and schema have passed an allow-list, and are quoted.
 */
export class TableNames {
  constructor(
    readonly prefix: string,
    readonly schema: string | undefined,
    private readonly quote: '"' | '`',
  ) {}

  /** The statement with the real names. */
  in(statement: string): string {
    return statement.replace(/\{(\w+)\}/g, (placeholder, table: string) =>
      TABLES.some((known) => known === table) ? this.qualified(table) : placeholder,
    );
  }

  /** Without schema and quotes, as TypeORM wants it. */
  plain(table: string): string {
    return this.prefix + table;
  }

  /** Every table, with its schema where one is set; without quotes. */
  all(): string[] {
    const { schema } = this;
    return TABLES.map((table) => (schema === undefined ? '' : `${schema}.`) + this.plain(table));
  }

  private qualified(table: string): string {
    const { quote, schema } = this;
    const name = quote + this.plain(table) + quote;
    return schema === undefined ? name : `${quote}${schema}${quote}.${name}`;
  }
}
