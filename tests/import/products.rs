//! Catalogues of products and their mapping files.

use marquee::domain::imports::MappingOrigin;
use marquee::platform::config::CreateUnknown;

use super::*;

const MAPPING: &str = r#"
source = "shop"
id = { column = "sku" }
[fields]
title = { column = "name" }
price = { column = "price", strip = ["$", ","], drop = ["n/a"] }
currency = { constant = "USD" }
stock = { column = "state", map = { InStock = "1", OutOfStock = "0" } }
category_path = { column = "tree", unwrap = ['["', '"]'], split = " >> ", without_title = true }
[metadata]
url = { column = "url" }
"#;

fn products(folder: &TempDir, mapping: &str) -> ImportRequest {
    let path = folder.path().join("mapping.toml");
    std::fs::write(&path, mapping).unwrap();
    ImportRequest::Products {
        file: folder.path().join("products"),
        mapping: path,
    }
}

#[tokio::test]
async fn products_are_read_by_their_mapping_and_renewed_by_the_next_import() {
    let app = TestApp::start().await;
    let rows = "sku,name,price,state,tree,url\r\n\
        a,Shirt,\"$1,065.50\",InStock,\"[\"\"Men >> Shirts >> Shirt\"\"]\",http://a\r\n\
        b,Shoe,n/a,OutOfStock,\"[\"\"Shoe\"\"]\",\r\n\
        ,Nameless,1,InStock,,\r\n\
        c,Cap,cheap,InStock,,\r\n\
        d,Cap,1,Sometimes,,\r\n\
        a,Shirt again,1,InStock,,\r\n";
    let folder = folder(&[("products", rows.as_bytes())]);
    let (summary, refused) = run(&app, products(&folder, MAPPING)).await;
    assert_eq!(
        lines(&refused),
        [
            (4, "there is no id"),
            (7, "the id `a` came up before in this file"),
        ]
    );
    assert_eq!(added(&summary, Table::Products), 4);
    // What a field cannot take is left out, and told.
    assert_eq!(
        summary.warnings,
        [("price".to_owned(), 1), ("stock".to_owned(), 1)].into()
    );
    let found = app
        .ask("{ contents(orderBy: { field: TITLE }) { nodes { kind title price { amount currency } stock categoryPath metadata } } }")
        .await;
    assert_eq!(
        found["contents"]["nodes"],
        json!([
            { "kind": "PRODUCT", "title": "Cap", "price": null, "stock": 1, "categoryPath": [], "metadata": {} },
            { "kind": "PRODUCT", "title": "Cap", "price": { "amount": "1.00", "currency": "USD" }, "stock": null,
              "categoryPath": [], "metadata": {} },
            { "kind": "PRODUCT", "title": "Shirt", "price": { "amount": "1065.50", "currency": "USD" }, "stock": 1,
              "categoryPath": ["Men", "Shirts"], "metadata": { "url": "http://a" } },
            { "kind": "PRODUCT", "title": "Shoe", "price": null, "stock": 0,
              "categoryPath": [], "metadata": {} },
        ])
    );
    let cheaper = rows
        .replace("1,065.50", "999")
        .replace("a,Shirt,\"$999\",InStock", "a,Shirt,\"$999\",OutOfStock");
    std::fs::write(folder.path().join("products"), cheaper).unwrap();
    let (summary, _) = run(&app, products(&folder, MAPPING)).await;
    let counts = summary.of(Table::Products);
    assert_eq!((counts.added, counts.updated, counts.unchanged), (0, 1, 3));
    let sold_out = "SELECT count(*) FROM content_items WHERE price = 999 AND stock = 0";
    assert_eq!(number(&app, sold_out).await, 1);
}

#[tokio::test]
async fn products_can_be_json_lines() {
    let app = TestApp::start().await;
    let rows = "{\"sku\": 1, \"name\": \"Shirt\", \"offer\": {\"price\": 12.5}, \"tags\": [\"a\", \"b\"]}\n\
        [1]\n{\"sku\": 2}\nnot json\n";
    let folder = folder(&[("products", &gz(rows.as_bytes()))]);
    let mapping = r#"
        source = "shop"
        format = "jsonl"
        id = { column = "sku" }
        [fields]
        title = { column = "name" }
        price = { column = "offer.price" }
        currency = { constant = "EUR" }
        tags = { column = "tags" }
    "#;
    let (summary, refused) = run(&app, products(&folder, mapping)).await;
    assert_eq!(added(&summary, Table::Products), 1);
    assert_eq!(
        refused.iter().map(|row| row.line).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    let tagged = "SELECT count(*) FROM content_items WHERE tags = '{a,b}' AND price = 12.5";
    assert_eq!(number(&app, tagged).await, 1);
}

#[tokio::test]
async fn a_mapping_with_a_mistake_says_where() {
    let app = TestApp::start().await;
    let folder = folder(&[("products", b"sku,name\n1,x\n")]);
    for (mapping, words) in [
        (MAPPING.replace("title =", "titel ="), "titel"),
        (
            MAPPING.replace("column = \"url\"", "colum = \"url\""),
            "colum",
        ),
        (
            MAPPING.replace("id = { column = \"sku\" }", ""),
            "needs `id`",
        ),
        (MAPPING.replace("\"shop\"", "\"Shop 1\""), "source"),
        (MAPPING.replace("\"shop\"", "\"tmdb\""), "tmdb"),
        ("source = ".to_owned(), "line 1"),
    ] {
        let text = fails(&app, products(&folder, &mapping)).await;
        assert!(text.contains(words), "{text}");
    }
    // A good mapping for another file: its columns are not there.
    let (summary, _) = run(&app, products(&folder, MAPPING)).await;
    let ImportOutcome::Aborted(broken) = &summary.outcome else {
        panic!("{summary:?}");
    };
    assert!(
        broken.reason.contains("the file has sku, name"),
        "{broken:?}"
    );
    assert_eq!(import::code(&summary), import::NOTHING_READ);
    let gone = ImportRequest::Products {
        file: folder.path().join("nowhere"),
        mapping: folder.path().join("mapping.toml"),
    };
    let text = fails(&app, gone).await;
    assert!(text.contains("no such file"), "{text}");
}

fn items(folder: &TempDir, mapping: MappingOrigin) -> ImportRequest {
    ImportRequest::Items {
        file: folder.path().join("items"),
        mapping,
    }
}

#[tokio::test]
async fn what_a_field_cannot_take_is_told_with_its_line_or_refuses_the_row_where_that_is_wanted() {
    let app = TestApp::start().await;
    let mapping = "source = \"library\"\nkind = { column = \"type\", map = { f = \"MOVIE\", b = \"TEXT\" } }\n\
        id = { column = \"id\" }\n[fields]\ntitle = { column = \"title\" }\n\
        year = { column = \"year\" }\nduration_minutes = { column = \"length\" }\n\
        price = { column = \"price\", decimal = \",\" }\ncurrency = { column = \"currency\" }\n";
    let rows = "id,type,title,year,length,price,currency\n\
        1,b,The Odyssey,-750,,,\n\
        2,f,A Series,2021.0,2 Seasons,\"1.234,50 \u{20ac}\",EUR\n\
        3,f,A Film,2020,90,\"5,00\",euro\n\
        4,x,A Thing,2020,90,,\n";
    let folder = folder(&[
        ("items", rows.as_bytes()),
        ("items.toml", mapping.as_bytes()),
    ]);
    let origin = MappingOrigin::File(folder.path().join("items.toml"));
    let mut told = Vec::new();
    let mut refused = Vec::new();
    let summary = app
        .services
        .imports
        .run(
            &Viewer::Command,
            items(&folder, origin.clone()),
            ImportOptions::default(),
            |event| match event {
                ImportEvent::FieldLeftEmpty(warning) => told.push((warning.line, warning.field)),
                ImportEvent::RowRefused(row) => refused.push(row),
                _ => {}
            },
        )
        .await
        .unwrap();
    assert_eq!(lines(&refused), [(5, "kind: `x` is not in the mapping")]);
    let text = ToOwned::to_owned;
    assert_eq!(
        told,
        [
            (2, text("year")),
            (3, text("duration_minutes")),
            (4, text("currency"))
        ]
    );
    let warnings = ["year", "duration_minutes", "currency"].map(|field| (text(field), 1));
    assert_eq!(summary.warnings, warnings.into());
    assert!(import::describe(&summary).contains("currency (1), duration_minutes (1), year (1)"));
    type Row = (String, String, Option<i32>, Option<i32>, Option<String>);
    let found: Vec<Row> = sqlx::query_as(
        "SELECT title, kind, year, duration_minutes, price::text FROM content_items ORDER BY title",
    )
    .fetch_all(app.ctx.db.pool())
    .await
    .unwrap();
    assert_eq!(
        found,
        [
            (text("A Film"), text("MOVIE"), Some(2020), Some(90), None),
            (
                text("A Series"),
                text("MOVIE"),
                Some(2021),
                None,
                Some(text("1234.50"))
            ),
            (text("The Odyssey"), text("TEXT"), None, None, None),
        ]
    );
    let strict = format!("strict = true\n{mapping}");
    std::fs::write(folder.path().join("items.toml"), strict).unwrap();
    let (summary, refused) = run(&app, items(&folder, origin)).await;
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert_eq!(import::code(&summary), import::NOTHING_READ);
}

#[tokio::test]
async fn every_preset_of_items_reads_a_file_of_its_shape() {
    let film = "543|Mis\u{e9}rables, Les (1995)|01-Jan-1995||http://x|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0\n";
    let latin: Vec<u8> = film
        .chars()
        .map(|letter| u8::try_from(letter).unwrap())
        .collect();
    let book = "book_id,isbn,authors,original_publication_year,original_title,title,language_code,average_rating,ratings_count,image_url\n\
        2,1,\"Homer, Robert Fagles\",-720.0,,The Odyssey,eng,3.73,670326,http://x\n";
    let bx = "\"ISBN\";\"Book-Title\";\"Book-Author\";\"Year-Of-Publication\";\"Publisher\";\"Image-URL-S\";\"Image-URL-M\";\"Image-URL-L\"\n\
        \"0671749897\";\"RED DEATH \\\"Silver Lining\\\" &amp; more\";\"Walter Mosley\";\"0\";\"Pocket\";\"a\";\"b\";\"c\"\n";
    let gorse = "{\"ItemId\":\"g1\",\"IsHidden\":true,\"Categories\":[\"space\",\"war\"],\"Comment\":\"\"}\n";
    for (name, bytes, expected) in [
        (
            "ml-100k",
            latin.as_slice(),
            "ml-100k 543 MOVIE PUBLIC Les Mis\u{e9}rables 1995 Drama,Musical",
        ),
        (
            "goodbooks",
            book.as_bytes(),
            "app 2 TEXT PUBLIC The Odyssey - ",
        ),
        (
            "book-crossing",
            bx.as_bytes(),
            "app 0671749897 TEXT PUBLIC RED DEATH \"Silver Lining\" & more - ",
        ),
        (
            "gorse",
            gorse.as_bytes(),
            "app g1 PRODUCT PRIVATE g1 - space,war",
        ),
        (
            "personalize",
            b"ITEM_ID,GENRES\n7,a|b\n",
            "app 7 PRODUCT PUBLIC 7 - ",
        ),
    ] {
        let app = TestApp::start().await;
        let folder = folder(&[("items", bytes)]);
        let (summary, refused) =
            run(&app, items(&folder, MappingOrigin::Preset(name.to_owned()))).await;
        assert_eq!(refused, [], "{name}");
        assert_eq!(added(&summary, Table::Products), 1, "{name}");
        let found: String = sqlx::query_scalar(
            "SELECT concat_ws(' ', e.source, e.external_id, c.kind, c.visibility, c.title, \
                    coalesce(c.year::text, '-'), array_to_string(c.genres, ',')) \
             FROM content_items c JOIN content_external_ids e ON e.content_id = c.id",
        )
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn an_item_that_an_interaction_made_gets_its_kind_and_title_by_the_import() {
    let app = TestApp::start().await;
    let folder = folder(&[
        ("events", b"196\t543\t3\t881250949\n"),
        (
            "items",
            b"543|Ran (1985)|01-Jan-1985||x|0|0|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0\n",
        ),
    ]);
    let events = ImportRequest::Interactions {
        file: folder.path().join("events"),
        mapping: MappingOrigin::Preset("ml-100k".to_owned()),
        create: Some(CreateUnknown::Both),
    };
    run(&app, events).await;
    let stub = "SELECT count(*) FROM content_items WHERE title = '543' AND kind = 'PRODUCT'";
    assert_eq!(number(&app, stub).await, 1);
    let (summary, _) = run(
        &app,
        items(&folder, MappingOrigin::Preset("ml-100k".to_owned())),
    )
    .await;
    let counts = summary.of(Table::Products);
    assert_eq!((counts.added, counts.updated), (0, 1));
    let filled =
        "SELECT count(*) FROM content_items WHERE title = 'Ran' AND kind = 'MOVIE' AND year = 1985";
    assert_eq!(number(&app, filled).await, 1);
}
