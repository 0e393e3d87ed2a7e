/**
 * Checks that the installed better-sqlite3 works on this Node.js. From 24.19 on, version 12, which is what Backstage asks for, aborts the
 * process as soon as a statement is garbage.
 *
 * @throws Error that says what to install.
 */
export function checkSqlite(): void {
  const { version } = require('better-sqlite3/package.json');
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isAborting = major > 24 || (major === 24 && minor >= 19);
  if (isAborting && Number(version.split('.')[0]) < 13) {
    throw new Error(
      `Node.js ${process.versions.node} needs better-sqlite3 13 and better-sqlite3 ${version} is installed, which would end this process. Run: npm install --no-save --legacy-peer-deps better-sqlite3@13`,
    );
  }
}
