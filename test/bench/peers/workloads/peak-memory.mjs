import { readFileSync } from 'node:fs';

/** The most memory that this process has had, in MB; null where the system does not tell. */
export function peakMemory() {
  if (process.platform !== 'linux') return null;
  // Not resourceUsage(), which starts with what the parent had.
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(kilobytes) / 1024;
}
