import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { Task } from '../../../lib/index.js';
import { ProcessTasks } from './process-tasks.js';
import type { Receipt } from './protocol.js';

/** What needs the application's own database until it ends. */
@Injectable()
export class LookupTasks {
  constructor(
    private readonly tasks: ProcessTasks,
    private readonly database: DataSource,
  ) {}

  /** Asks it after so many milliseconds. */
  @Task({ name: 'ProcessTasks.lookup', attempts: 5 })
  lookup(ms: number): Promise<Receipt> {
    return this.tasks.recorded(async () => {
      await sleep(ms);
      await this.database.query('SELECT 1');
    });
  }
}
