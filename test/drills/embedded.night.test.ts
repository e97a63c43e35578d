import { testDisasters } from './embedded.js';

testDisasters('night');
