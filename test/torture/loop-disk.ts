import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { until } from '../app/processes/scene.js';

/** EXT4_IOC_SHUTDOWN, and its flag that leaves the journal as it is on the disk. */
const SHUTDOWN = 0x8004587d;
const NO_LOG_FLUSH = 2;
const IOCTL = `open(FILE, '<', $ARGV[0]) or die $!;
  my $flags = pack('L', ${NO_LOG_FLUSH});
  ioctl(FILE, ${SHUTDOWN}, $flags) or die $!`;
const TOOLS = ['mkfs.ext4', 'e2fsck', 'mount', 'umount', 'findmnt', 'perl'];

/** A disk in a file, whose power can be cut. */
export class LoopDisk {
  private readonly folder = mkdtempSync(join(tmpdir(), 'sitq-disk-'));
  private readonly image = join(this.folder, 'image');
  /** Where it is mounted. */
  readonly path = join(this.folder, 'disk');

  /** Why there can be none here, if so. */
  static missing(): string | undefined {
    if (process.getuid?.() !== 0) return 'it needs root, for a loop device';
    const tool = TOOLS.find((name) => !succeeds('sh', ['-c', `command -v ${name}`]));
    if (tool !== undefined) return `it needs ${tool}`;
    try {
      new LoopDisk(8).close();
      return undefined;
    } catch (error) {
      return `no loop device can be mounted: ${String(error)}`;
    }
  }

  constructor(megabytes: number) {
    mkdirSync(this.path);
    chmodSync(this.folder, 0o755); // servers run as somebody else
    run('truncate', '-s', `${megabytes}M`, this.image);
    run('mkfs.ext4', '-q', '-F', this.image);
    this.mount();
  }

  /** From now on nothing reaches the disk any more, and whatever was not synced is lost. */
  cutPower(): void {
    const file = join(this.path, 'power');
    writeFileSync(file, '');
    run('perl', '-e', IOCTL, file);
  }

  /** From now on it can only be read, as a file system is that has found an error of its own. */
  turnReadOnly(): void {
    const device = run('findmnt', '--noheadings', '--output=SOURCE', this.path);
    writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, 'torture');
  }

  /** Mounts it anew, when nobody has a file on it open any more, and checks it as at a boot. */
  async restart(): Promise<void> {
    await until(() => succeeds('umount', [this.path]));
    succeeds('e2fsck', ['-p', this.image]); // 1 says that it had something to mend
    this.mount();
  }

  close(): void {
    succeeds('umount', ['-l', this.path]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private mount(): void {
    run('mount', '-o', 'loop,noatime,errors=remount-ro', this.image, this.path);
    chmodSync(this.path, 0o777);
  }
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();
}

function succeeds(command: string, args: string[]): boolean {
  try {
    run(command, ...args);
    return true;
  } catch {
    return false;
  }
}
