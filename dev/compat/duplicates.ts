const SCOPE = '@backstage/';

/** An installed package, as npm's lock has it. The key is its folder. */
export type LockedPackages = Record<
  string,
  {
    version?: string;
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
  }
>;

/** A package that is there in more than one version. */
export type Duplicate = { name: string; versions: string[] };

/** All Backstage packages that are there in more than one version. */
export function findDuplicates(packages: LockedPackages): Duplicate[] {
  return duplicatesAmong(packages, Object.keys(packages));
}

/**
 * The Backstage packages that one package brings in another version than others have them.
 *
 * @param added - the package that brings them
 * @param others - those that it is to share them with
 */
export function findAddedDuplicates(
  packages: LockedPackages,
  added: string,
  others: string[],
): Duplicate[] {
  const own = reachable(packages, added);
  const names = new Set([...own].map(nameOf));
  const all = [
    ...own,
    ...others.flatMap(name => [...reachable(packages, name)]),
  ];
  return duplicatesAmong(
    packages,
    all.filter(folder => names.has(nameOf(folder))),
  );
}

function duplicatesAmong(
  packages: LockedPackages,
  folders: string[],
): Duplicate[] {
  const versions = new Map<string, Set<string>>();
  for (const folder of folders) {
    const name = nameOf(folder);
    if (name.startsWith(SCOPE)) {
      versions.set(name, versions.get(name) ?? new Set());
      versions.get(name)!.add(packages[folder].version!);
    }
  }
  return [...versions]
    .filter(([, found]) => found.size > 1)
    .map(([name, found]) => ({ name, versions: [...found].sort() }));
}

/** The folders of a package at the top and of all that it needs, as Node.js finds them. */
function reachable(packages: LockedPackages, name: string): Set<string> {
  const found = new Set<string>();
  const visit = (folder: string | undefined) => {
    if (folder === undefined || found.has(folder)) {
      return;
    }
    found.add(folder);
    const { dependencies, optionalDependencies, peerDependencies } =
      packages[folder];
    for (const needed of Object.keys({
      ...dependencies,
      ...optionalDependencies,
      ...peerDependencies,
    })) {
      visit(resolve(packages, folder, needed));
    }
  };
  visit(resolve(packages, '', name));
  return found;
}

/** The folder in which a package that is in another folder finds what it needs, if it is installed. */
function resolve(
  packages: LockedPackages,
  from: string,
  name: string,
): string | undefined {
  const parts = from.split('/');
  for (let length = parts.length; length >= 0; length--) {
    const folder = [...parts.slice(0, length), 'node_modules', name]
      .filter(Boolean)
      .join('/');
    if (folder in packages) {
      return folder;
    }
  }
  return undefined;
}

function nameOf(folder: string): string {
  return folder.split('node_modules/').at(-1)!;
}
