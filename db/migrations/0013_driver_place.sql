ALTER TABLE `experiments` ADD `driver_kind` text;--> statement-breakpoint
ALTER TABLE `experiments` ADD `driver_address` text;--> statement-breakpoint
ALTER TABLE `experiments` ADD `driver_namespace` text;--> statement-breakpoint
ALTER TABLE `experiments` ADD `driver_folder` text;--> statement-breakpoint
ALTER TABLE `experiments` ADD `driver_machine` text;--> statement-breakpoint
-- "the Temporal service at ADDRESS, namespace NAMESPACE", or "... at ADDRESS on MACHINE, namespace NAMESPACE".
UPDATE `experiments` SET `driver_kind` = 'service', `driver_address` = told.`address`,
  `driver_namespace` = told.`namespace`, `driver_machine` = told.`machine`
FROM (
  SELECT `id`, `namespace`,
    CASE instr(`head`, ' on ') WHEN 0 THEN `head` ELSE substr(`head`, 1, instr(`head`, ' on ') - 1) END AS `address`,
    CASE instr(`head`, ' on ') WHEN 0 THEN NULL ELSE substr(`head`, instr(`head`, ' on ') + 4) END AS `machine`
  FROM (
    SELECT `id`, substr(`rest`, 1, instr(`rest`, ', namespace ') - 1) AS `head`,
      substr(`rest`, instr(`rest`, ', namespace ') + 12) AS `namespace`
    FROM (
      SELECT `id`, substr(`driver_place`, 25) AS `rest` FROM `experiments`
      WHERE substr(`driver_place`, 1, 24) = 'the Temporal service at '
    )
    WHERE instr(`rest`, ', namespace ') > 1
  )
) AS told
WHERE `experiments`.`id` = told.`id` AND told.`address` <> '' AND told.`namespace` <> '' AND instr(told.`address`, ' ') = 0
  AND (told.`machine` IS NULL OR (told.`machine` <> '' AND instr(told.`machine`, ' ') = 0));--> statement-breakpoint
-- 'the Temporal server of "panic-tda run" in the data folder', or '... folder FOLDER on MACHINE': the last word is the machine.
UPDATE `experiments` SET `driver_kind` = 'embedded'
WHERE `driver_place` = 'the Temporal server of "panic-tda run" in the data folder';--> statement-breakpoint
UPDATE `experiments` SET `driver_kind` = 'embedded', `driver_folder` = told.`folder`, `driver_machine` = told.`machine`
FROM (
  SELECT `id`, substr(`before`, 1, length(`before`) - 4) AS `folder`, substr(`rest`, length(`before`) + 1) AS `machine`
  FROM (
    SELECT `id`, `rest`, rtrim(`rest`, replace(`rest`, ' ', '')) AS `before`
    FROM (
      SELECT `id`, substr(`driver_place`, 59) AS `rest` FROM `experiments`
      WHERE substr(`driver_place`, 1, 58) = 'the Temporal server of "panic-tda run" in the data folder '
    )
  )
  WHERE substr(`before`, -4) = ' on '
) AS told
WHERE `experiments`.`id` = told.`id` AND told.`folder` <> '' AND told.`machine` <> '';--> statement-breakpoint
UPDATE `databases` SET `writable_from` = 14, `version` = '0.2.0';
