import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { SitqOptions } from './interfaces/sitq-options.interface.js';
import { SITQ_OPTIONS } from './sitq.constants.js';

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<SitqOptions>({ optionsInjectionToken: SITQ_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createSitqOptions')
    .build();
