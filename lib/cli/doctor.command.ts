import { Command } from 'commander';
import { createInspection } from '../backends/typeorm/doctor/create-inspection.js';
import { examine } from '../backends/typeorm/doctor/examine.js';
import type { Finding } from '../backends/typeorm/doctor/finding.js';
import type { StoreSettings } from '../backends/typeorm/store-settings.js';
import { BackendError } from '../errors/backend.error.js';
import { printFindings } from './print-findings.js';
import { addStoreOptions, readStoreFlags, type StoreFlags } from './store-flags.js';
import type { Terminal } from './terminal.js';
import { withStore } from './with-store.js';

interface DoctorFlags extends StoreFlags {
  readonly json?: boolean;
}

/** `sitq doctor` */
export function doctorCommand(terminal: Terminal): Command {
  const command = new Command('doctor')
    .description('look for what is wrong with the store; changes nothing')
    .option('--json', 'print it for programs')
    .option('--no-listen', 'the application has listen: false (PostgreSQL)');
  return addStoreOptions(command).action(async (flags: DoctorFlags) => {
    const findings = await findingsOf(readStoreFlags(flags, command), flags);
    const isHealthy = findings.every(({ state }) => state === 'well' || state === 'warning');
    if (flags.json) terminal.print(JSON.stringify({ healthy: isHealthy, findings }, null, 2));
    else printFindings(findings, terminal);
    if (!isHealthy) terminal.fail();
  });
}

/** That the store cannot be opened is a finding too. */
async function findingsOf(
  settings: StoreSettings,
  { verbose = false }: DoctorFlags,
): Promise<Finding[]> {
  try {
    const { type, findings } = await examineAs(settings.connection.type, settings);
    return findings ?? (await examineAs(type, settings)).findings ?? [];
  } catch (error) {
    if (verbose || !(error instanceof BackendError)) throw error;
    return [{ check: 'connection', state: 'fault', text: error.message }];
  }
}

/**
 * Examines a store of this type. When it is one of another type there are no findings: TypeORM
 * would take the differences between MySQL and MariaDB for changes of the tables.
 */
function examineAs(
  type: string,
  settings: StoreSettings,
): Promise<{ type: string; findings?: Finding[] }> {
  const connection = { ...settings.connection, type };
  return withStore({ ...settings, connection }, { mayCreate: false }, async (store) => {
    const inspection = createInspection(settings, store.dataSource);
    const { type: found } = await inspection.identify();
    if (found !== type) return { type: found };
    const { dialect, dataSource, migrator } = store;
    const findings = await examine({ dialect, dataSource, migrator, inspection });
    return { type, findings };
  });
}
