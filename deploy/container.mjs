// The image's program: with arguments the command line, without any the service that WARREN_SERVICE names.
const service = process.env.WARREN_SERVICE;

if (process.argv.length > 2) {
  await import('./warren');
} else if (service !== undefined && /^[a-z0-9-]+$/.test(service)) {
  await import(`../services/${service}/dist/main.js`);
} else {
  console.error('error: WARREN_SERVICE names no service, and no command was given: try "task --help"');
  process.exitCode = 2;
}
