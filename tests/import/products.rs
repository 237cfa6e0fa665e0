//! Catalogues of products and their mapping files.

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
            (5, "price: `cheap` cannot be read"),
            (6, "stock: `Sometimes` is not in the mapping"),
            (7, "the id `a` came up before in this file"),
        ]
    );
    assert_eq!(added(&summary, Table::Products), 2);
    let found = app
        .ask("{ contents(orderBy: { field: TITLE }) { nodes { kind title price { amount currency } stock categoryPath metadata } } }")
        .await;
    assert_eq!(
        found["contents"]["nodes"],
        json!([
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
    assert_eq!((counts.added, counts.updated, counts.unchanged), (0, 1, 1));
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
        (MAPPING.replace("source = \"shop\"", ""), "source"),
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
