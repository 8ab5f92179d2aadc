/**
 * Where handlers with `isolate: true` run: in worker threads, each of which makes an application
 * context of a module of the application once, and keeps it.
 *
 * @publicApi
 */
export interface IsolationOptions {
  /**
   * File of a module that has the isolated handlers, as JavaScript: an absolute path or a `file:`
   * URL, such as `new URL('./tasks.module.js', import.meta.url)`. It imports `SitqModule.forRoot`
   * like any other; in a thread no worker runs.
   */
  module: string | URL;
  /** Name of the module's class in that file. @default the only class that it exports */
  export?: string;
  /**
   * Threads, and so how many isolated handlers run at once in this process, 1..256.
   * @default one less than there are processors, at least 1
   */
  threads?: number;
  /** Longest heap of a thread in MB; a handler that needs more fails its attempt. @default Node's */
  maxHeap?: number;
}
