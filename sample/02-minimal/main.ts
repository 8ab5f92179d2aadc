import { Controller, Injectable, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SitqModule, Task, TaskQueue } from 'nestjs-sitq';

@Injectable()
class MailTasks {
  @Task()
  async welcome(name: string) {
    return `Welcome, ${name}!`;
  }
}

@Controller('sign-up')
class SignUpController {
  constructor(private readonly queue: TaskQueue) {}

  @Post(':name')
  async signUp(@Param('name') name: string) {
    const task = await this.queue.for(MailTasks).welcome(name);
    return task.result({ timeout: '10s' });
  }
}

@Module({
  imports: [SitqModule.forRoot()],
  providers: [MailTasks],
  controllers: [SignUpController],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
