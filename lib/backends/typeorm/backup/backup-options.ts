/**
 * How far a backup is.
 *
 * @publicApi
 */
export interface BackupProgress {
  /** Of the database. */
  readonly pages: number;
  /** How many of them are still to be copied. */
  readonly remaining: number;
}

/**
 * How a backup is made.
 *
 * @publicApi
 */
export interface BackupOptions {
  /** Replace a file that is there. @default false */
  force?: boolean;
  /** Told again and again while the copy is made. @default nobody */
  onProgress?: (progress: BackupProgress) => void;
  /** Ends the backup, which then leaves nothing behind. @default never */
  signal?: AbortSignal;
}

/**
 * A backup that was made.
 *
 * @publicApi
 */
export interface Backup {
  /** Absolute path. */
  readonly file: string;
  readonly bytes: number;
}
