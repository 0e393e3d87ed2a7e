/* A backend that finds all its features by itself, as Backstage documents it for `backend.packages`. */
import {
  createBackend,
  discoveryFeatureLoader,
} from '@backstage/backend-defaults';

const backend = createBackend();
backend.add(discoveryFeatureLoader);
backend.start();
