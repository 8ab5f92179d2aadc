import type { OnModuleInit } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type { DataSource, EntityManager } from 'typeorm';
import type { Backend } from '../core/backend.js';
import { isTransactionalBackend } from '../core/capabilities/transactional-backend.js';
import { dataSourceOf } from '../core/data-source-of.js';
import { isEntityManager } from '../core/entity-manager.js';
import type { SitqOptions } from '../interfaces/sitq-options.interface.js';
import { ConfigurationError } from '../errors/configuration.error.js';
import { clsHostFinder, type ClsHost } from './cls-host.js';
import type { Transactions } from './transactions-option.js';

/**
 * The transaction of the application that is under way, where an option says how to find it, and
 * the DataSource in which others begin.
 */
export class CurrentTransaction implements OnModuleInit {
  private host: ClsHost | undefined;

  private constructor(
    private readonly option: Transactions,
    private readonly backend: Backend,
    private readonly findHost: (() => ClsHost) | undefined,
    private readonly given: DataSource | undefined,
  ) {}

  /** @throws ConfigurationError when it can never be found. */
  static async create(
    { transactions: option = 'explicit', ...options }: SitqOptions,
    backend: Backend,
    moduleRef: ModuleRef,
  ): Promise<CurrentTransaction> {
    if (option !== 'explicit' && !isTransactionalBackend(backend)) {
      throw refuse(
        `transactions is set, but ${backend.constructor.name} does not implement ` +
          `TransactionalBackend. Implement it, or leave transactions out.`,
        option,
      );
    }
    const findHost = option === 'join' ? await clsHostFinder(moduleRef) : undefined;
    const dataSource = 'dataSource' in options ? options.dataSource : undefined;
    return new CurrentTransaction(option, backend, findHost, dataSource);
  }

  /** Whether the host leads to the tasks is seen now, and not when it is needed. */
  async onModuleInit(): Promise<void> {
    if (!this.findHost || !isTransactionalBackend(this.backend)) return;
    const { tx } = this.clsHost();
    if (isEntityManager(tx) && !dataSourceOf(tx).isInitialized) return;
    await this.backend.checkManager(tx as EntityManager).catch((error: Error) => {
      const problem = `its host cannot be used for the tasks: ${error.message}`;
      throw refuse(`transactions is 'join', but ${problem}`, 'join');
    });
  }

  /** The manager of the transaction; none outside of one. */
  readonly manager = (): EntityManager | undefined => {
    const manager = this.ask();
    if (manager === null || manager === undefined) return undefined;
    if (!isEntityManager(manager)) {
      throw refuse('transactions did not return an EntityManager or undefined.', manager);
    }
    return manager.queryRunner?.isTransactionActive ? manager : undefined;
  };

  /** Undefined where it was neither given nor leads a manager to it. */
  readonly dataSource = (): DataSource | undefined => {
    if (this.given) return this.given;
    const manager = this.findHost ? this.clsHost().tx : this.ask();
    return isEntityManager(manager) ? dataSourceOf(manager) : undefined;
  };

  private ask(): unknown {
    if (typeof this.option === 'function') return this.option();
    if (this.option === 'explicit') return undefined;
    const host = this.clsHost();
    return host.isTransactionActive() ? host.tx : undefined;
  }

  private clsHost(): ClsHost {
    this.host ??= this.findHost!();
    return this.host;
  }
}

function refuse(problem: string, value: unknown): ConfigurationError {
  return new ConfigurationError(`SitqModule.forRoot: ${problem}`, 'transactions', value);
}
