/** What one check of a store found. */
export interface Finding {
  /** What was looked at, in a word. */
  readonly check: string;
  /** `skipped` when something that another check reports made it impossible to look. */
  readonly state: 'well' | 'warning' | 'fault' | 'skipped';
  /** In a line. */
  readonly text: string;
  /** What to do about it, as a sentence. */
  readonly remedy?: string;
  /** Statements that would mend it, or what was counted, one a line. */
  readonly lines?: readonly string[];
  /** The same for programs. */
  readonly data?: Readonly<Record<string, unknown>>;
}
