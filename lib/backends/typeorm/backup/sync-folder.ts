import { open } from 'node:fs/promises';

/** Makes the names in a folder survive a power cut, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined); // Windows opens no folders
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
