/** Databases that need a server. */
export type ServerKind = 'postgres' | 'mysql' | 'mariadb';

export type StoreKind = 'sqlite' | ServerKind;

/** What tells servers apart that look the same on the wire. */
export function kindOfVersion(version: string): 'mysql' | 'mariadb' {
  return /mariadb/i.test(version) ? 'mariadb' : 'mysql';
}
