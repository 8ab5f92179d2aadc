/** A logger for peers that would print a line per task. */
export const silent = { log() {}, debug() {}, info() {}, warn() {}, error: console.error };
