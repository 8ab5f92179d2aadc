import { existsSync, writeFileSync } from 'node:fs';

const LIBRARY = `/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu/faketime/libfaketimeMT.so.1`;

/** Why clocks cannot be set on this machine, if so. */
export function missingFakeTime(): string | undefined {
  return existsSync(LIBRARY) ? undefined : 'it needs libfaketime (Debian: faketime)';
}

/** A clock of processes that can be set while they run. Their counters go on as they are. */
export class FakeTime {
  /** What such a process is started with. */
  readonly env: Readonly<Record<string, string>>;

  constructor(private readonly file: string) {
    this.set(0);
    this.env = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** @param seconds ahead of the real time. */
  set(seconds: number): void {
    writeFileSync(this.file, `${seconds < 0 ? '' : '+'}${seconds}`);
  }
}
