import { readFileSync } from 'node:fs';

/**
 * Whether this very file is mounted, as by `docker run -v ./tasks.sqlite:/data/tasks.sqlite`. Its
 * log would be beside it in the container: nobody else would see it, and it would go with the
 * container.
 *
 * @param mounts the text of Linux's table of mounts.
 */
export function isSingleFileMount(file: string, mounts = tableOfMounts()): boolean {
  return mounts.split('\n').some((line) => {
    const point = line.split(' ')[4];
    return point !== undefined && unescaped(point) === file;
  });
}

function tableOfMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return ''; // another system
  }
}

/** Blanks and the like are written as `\040`. */
function unescaped(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8)),
  );
}
