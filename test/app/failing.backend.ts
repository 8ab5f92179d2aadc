import { BackendError, TypeOrmBackend } from 'nestjs-sitq';

type Method =
  | 'reserveTask'
  | 'storeResult'
  | 'updateTaskStatus'
  | 'getResults'
  | 'renewWorker'
  | 'rescueTasks'
  | 'cancelRequests';

/** The real backend, of which a test can take parts down. */
export class FailingBackend extends TypeOrmBackend {
  /** Calls that were refused, by method. */
  readonly refused = new Map<Method, number>();
  private readonly broken = new Set<Method>();

  constructor(database = ':memory:') {
    super({ database });
  }

  takeDown(...methods: Method[]): void {
    for (const method of methods) this.broken.add(method);
  }

  bringBack(): void {
    this.broken.clear();
  }

  override reserveTask(...args: Parameters<TypeOrmBackend['reserveTask']>) {
    return this.unlessDown('reserveTask', () => super.reserveTask(...args));
  }

  override storeResult(...args: Parameters<TypeOrmBackend['storeResult']>) {
    return this.unlessDown('storeResult', () => super.storeResult(...args));
  }

  override updateTaskStatus(...args: Parameters<TypeOrmBackend['updateTaskStatus']>) {
    return this.unlessDown('updateTaskStatus', () => super.updateTaskStatus(...args));
  }

  override getResults(...args: Parameters<TypeOrmBackend['getResults']>) {
    return this.unlessDown('getResults', () => super.getResults(...args));
  }

  override renewWorker(...args: Parameters<TypeOrmBackend['renewWorker']>) {
    return this.unlessDown('renewWorker', () => super.renewWorker(...args));
  }

  override rescueTasks(...args: Parameters<TypeOrmBackend['rescueTasks']>) {
    return this.unlessDown('rescueTasks', () => super.rescueTasks(...args));
  }

  override cancelRequests(...args: Parameters<TypeOrmBackend['cancelRequests']>) {
    return this.unlessDown('cancelRequests', () => super.cancelRequests(...args));
  }

  private async unlessDown<T>(method: Method, work: () => Promise<T>): Promise<T> {
    if (!this.broken.has(method)) return work();
    this.refused.set(method, (this.refused.get(method) ?? 0) + 1);
    throw new BackendError('the disk is away', { transient: true });
  }
}
