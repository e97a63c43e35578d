// Preloaded into a process that a test starts. Appends the address of each loaded module to the file that
// LOADED_MODULES_FILE names.
import { register } from 'node:module';

register(new URL('./loaded-modules-hook.mjs', import.meta.url));
