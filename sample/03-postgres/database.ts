import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { Invoice, Order } from './order.entities.js';

/** The database of the shop. Its tasks are there too. */
export const database = {
  type: 'postgres',
  url: process.env.DATABASE_URL!,
  entities: [Order, Invoice],
} satisfies TypeOrmModuleOptions;
