/** Stops the servers that the setup started; jest has printed its summary by now. */
export default async function teardown() {
  const { leaveServers } = await import('../build/test/test/app/databases/servers.js');
  await leaveServers();
}
