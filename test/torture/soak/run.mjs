import { compile } from '../../compile.mjs';

await compile();
await import('../../../build/test/test/torture/soak/main.js');
