import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Backend, SitqModule, Task } from 'nestjs-sitq';

/**
 * A Nest application with a task `MailTasks.welcome` and a route `GET /`, not yet initialised: its
 * worker starts with `init` or `listen`.
 */
export async function createNestApp(options, handler) {
  class MailTasks {
    welcome(mail) {
      return handler(mail);
    }
  }
  decorate(MailTasks, 'welcome', Task());
  class AppController {
    hello() {
      return { ok: true };
    }
  }
  Controller()(AppController);
  decorate(AppController, 'hello', Get());
  function AppModule() {}
  Module({
    imports: [SitqModule.forRoot(options)],
    controllers: [AppController],
    providers: [MailTasks],
  })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  return { app, backend: app.get(Backend) };
}

/** What the compiler makes of a decorator on a method. */
function decorate({ prototype }, method, decorator) {
  decorator(prototype, method, Object.getOwnPropertyDescriptor(prototype, method));
}
