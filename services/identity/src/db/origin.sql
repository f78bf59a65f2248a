alter table challenge add column origin text not null default 'http://localhost';
