import { TypeOrmBackend } from 'nestjs-sitq';
import { backendConformance } from 'nestjs-sitq/testing';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { tempFile } from './app/temp-file.js';

describe('TypeOrmBackend with a file conforms', () => {
  const create = () => new TypeOrmBackend({ database: tempFile(), durability: 'relaxed' });
  const peer = ({ database }: TypeOrmBackend) => new TypeOrmBackend({ database });
  for (const { name, run } of backendConformance(create, { peer })) test(name, run);
});

describe('TypeOrmBackend in memory conforms', () => {
  const create = () => new TypeOrmBackend({ database: ':memory:' });
  for (const { name, run } of backendConformance(create)) test(name, run);
});

describe('a backend of eight methods conforms', () => {
  for (const { name, run } of backendConformance(() => new EightMethodsBackend())) test(name, run);
});
