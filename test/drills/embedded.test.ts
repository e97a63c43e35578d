import { testDisasters } from './embedded.js';

testDisasters('day');
