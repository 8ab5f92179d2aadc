import type { Observable } from 'rxjs';

type Method = (...args: never[]) => unknown;

/**
 * A class with handlers.
 *
 * @publicApi
 */
export type HandlerClass<T> = abstract new (...args: never[]) => T;

/**
 * Names of the methods of a class.
 *
 * @publicApi
 */
export type MethodOf<T> = { [K in keyof T]: T[K] extends Method ? K : never }[keyof T] & string;

/**
 * Arguments of a method.
 *
 * @publicApi
 */
export type ArgsOf<T, K extends keyof T> = T[K] extends (...args: infer A) => unknown ? A : never;

/**
 * What a handler's task results in: the awaited return value, or the last value of an Observable.
 *
 * @publicApi
 */
export type ResultOf<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R
  ? Awaited<R> extends Observable<infer V>
    ? V
    : Awaited<R>
  : never;
