import { Column, CreateDateColumn, Entity, Generated, PrimaryColumn } from 'typeorm';

@Entity('sample_order')
export class Order {
  /** Made by us and not by the database, so that the task can have the same. */
  @PrimaryColumn('uuid')
  id!: string;

  @Column()
  customer!: string;

  @Column()
  cents!: number;

  @CreateDateColumn()
  createdAt!: Date;
}

@Entity('sample_invoice')
export class Invoice {
  /** The primary key: an order has one invoice, however often its task runs. */
  @PrimaryColumn('uuid')
  orderId!: string;

  @Column()
  @Generated('increment')
  number!: number;

  @Column()
  cents!: number;

  /** Id of the worker that wrote it. */
  @Column()
  worker!: string;
}
