// Preloaded into a process that a test starts: it appends the address of each module that is loaded to the file that
// LOADED_MODULES_FILE names.
import { register } from 'node:module';

register(new URL('./loaded-modules-hook.mjs', import.meta.url));
