import { parseArgs } from 'node:util';
import { findServers, leaveServers } from '../../app/databases/servers.js';
import { stores } from '../../app/stores.js';
import { soak } from './soak.js';

const { values } = parseArgs({
  options: {
    db: { type: 'string', default: 'sqlite,postgres,mysql,mariadb' },
    tasks: { type: 'string', default: '1000000' },
  },
});

await findServers();
for (const db of stores().filter((kind) => values.db.split(',').includes(kind))) {
  const { heap, slope, ...report } = await soak(db, Number(values.tasks));
  const megabytes = heap.map((bytes) => Math.round((bytes / 1024 / 1024) * 10) / 10);
  console.log(report, { 'heap MB': megabytes.join(' '), 'KB per 100,000': Math.round(slope) });
  if (report.wrong > 0 || report.unhandled > 0) process.exitCode = 1;
}
await leaveServers();
