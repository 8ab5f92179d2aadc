import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

/**
 * Gives a module its place in the order in which Nest calls hooks: bootstrap hooks from the greatest
 * distance to the least, module by module. Distances are set while the modules are scanned and read
 * when the first hook is called; between the two the classes of modules are instantiated.
 */
export function placeModule(modules: ModulesContainer, module: Type, distance: number): void {
  for (const one of modules.values()) if (one.metatype === module) one.distance = distance;
}
