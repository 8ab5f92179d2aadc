import { Injectable } from '@nestjs/common';
import { Task } from '../../../lib/index.js';
import { ProcessTasks } from './process-tasks.js';
import type { Receipt } from './protocol.js';

/** What the new release has and the old one lacks. */
@Injectable()
export class AddedTasks {
  constructor(private readonly tasks: ProcessTasks) {}

  @Task({ name: 'ProcessTasks.added', attempts: 5 })
  added(ms: number): Promise<Receipt> {
    return this.tasks.work(ms);
  }
}
