import { DataSource } from 'typeorm';
import { showValue } from './core/show-value.js';
import { ConfigurationError } from './errors/configuration.error.js';
import type {
  NamedDataSourceOptions,
  SitqOptions,
  SitqRootOptions,
} from './interfaces/sitq-options.interface.js';

/** Whether the options name a DataSource of the application instead of giving it. */
export function namesDataSource(options: SitqRootOptions): options is NamedDataSourceOptions {
  return typeof (options as Partial<NamedDataSourceOptions> | null)?.dataSource === 'string';
}

/** The same options from a factory, into which Nest injects the DataSource. */
export function injectDataSource({ dataSource: name, ...rest }: NamedDataSourceOptions) {
  return {
    inject: [{ token: tokenOf(name), optional: true }],
    useFactory: (dataSource: DataSource | undefined): SitqOptions => {
      if (dataSource) return { ...rest, dataSource };
      throw new ConfigurationError(
        `SitqModule.forRoot: dataSource is ${showValue(name)}, but the application has no DataSource of ` +
          `that name. Import TypeOrmModule.forRoot(${name === 'default' ? '' : `{ name: ${showValue(name)} }`}), ` +
          `or give the DataSource itself.`,
        'dataSource',
        name,
      );
    },
  };
}

/** As `getDataSourceToken` of `@nestjs/typeorm` has it. */
function tokenOf(name: string): string | typeof DataSource {
  return name === 'default' ? DataSource : `${name}DataSource`;
}
