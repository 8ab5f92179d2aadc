export {
  backendConformance,
  type BackendConformanceOptions,
  type ConformanceCase,
} from './backend-conformance.js';
