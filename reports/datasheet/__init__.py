"""The datasheet of a sensor, in the spirit of the EMVA 1288 page: measured on the bench, beside what its file says."""

from reports.datasheet.sheet import datasheet as datasheet
