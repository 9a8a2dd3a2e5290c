/// Times, booleans and bytes, as PostgreSQL reads and prints them. Dates outside the type's range
/// share a SQLSTATE with impossible ones, but not the reason.
enum GoldenOthers {
    static let boolean: [Golden] = [
        ("t", .success("t")),
        ("f", .success("f")),
        ("TRUE", .success("t")),
        ("fal", .success("f")),
        ("y", .success("t")),
        ("no", .success("f")),
        ("ON", .success("t")),
        ("of", .success("f")),
        ("o", .failure(.invalidSyntax)),
        ("1", .success("t")),
        ("0", .success("f")),
        ("2", .failure(.invalidSyntax)),
        (" yes ", .success("t")),
        ("", .failure(.invalidSyntax)),
        ("truex", .failure(.invalidSyntax)),
        ("10", .failure(.invalidSyntax)),
    ]

    static let date: [Golden] = [
        ("2000-01-01", .success("2000-01-01")),
        ("1999-12-31", .success("1999-12-31")),
        ("2024-02-29", .success("2024-02-29")),
        ("2023-02-29", .failure(.fieldOutOfRange)),
        ("1900-02-29", .failure(.fieldOutOfRange)),
        ("2024-13-01", .failure(.fieldOutOfRange)),
        ("2024-1-5", .success("2024-01-05")),
        ("0044-03-15 BC", .success("0044-03-15 BC")),
        ("0001-01-01", .success("0001-01-01")),
        ("0000-01-01", .failure(.fieldOutOfRange)),
        ("infinity", .success("infinity")),
        ("-infinity", .success("-infinity")),
        ("5874897-12-31", .success("5874897-12-31")),
        ("5874898-01-01", .failure(.outOfRange)),
        ("4714-11-24 BC", .success("4714-11-24 BC")),
        ("4714-11-23 BC", .failure(.outOfRange)),
        ("10000-01-01", .success("10000-01-01")),
        (" 2024-05-06 ", .success("2024-05-06")),
        ("2024-00-10", .failure(.fieldOutOfRange)),
        ("2024-01-32", .failure(.fieldOutOfRange)),
        ("1970-01-01", .success("1970-01-01")),
        ("2024-01-01 AD", .success("2024-01-01")),
        ("hello", .failure(.invalidSyntax)),
    ]

    static let timestamp: [Golden] = [
        ("2000-01-01 00:00:00", .success("2000-01-01 00:00:00")),
        ("2024-05-06 07:08:09.123456", .success("2024-05-06 07:08:09.123456")),
        ("2024-05-06T07:08", .success("2024-05-06 07:08:00")),
        ("2024-05-06", .success("2024-05-06 00:00:00")),
        ("1999-12-31 23:59:59.999999", .success("1999-12-31 23:59:59.999999")),
        ("2024-01-01 00:00:00.1", .success("2024-01-01 00:00:00.1")),
        ("2024-01-01 00:00:00.1234567", .success("2024-01-01 00:00:00.123457")),
        ("2024-01-01 00:00:00.0000005", .success("2024-01-01 00:00:00")),
        ("2024-01-01 00:00:00.0000015", .success("2024-01-01 00:00:00.000002")),
        ("2024-01-01 23:59:59.9999999", .success("2024-01-02 00:00:00")),
        ("2024-01-01 24:00:00", .success("2024-01-02 00:00:00")),
        ("2024-01-01 24:00:01", .failure(.fieldOutOfRange)),
        ("2024-01-01 23:59:60", .success("2024-01-02 00:00:00")),
        ("2024-01-01 23:60:00", .failure(.fieldOutOfRange)),
        ("2024-01-01 25:00:00", .failure(.fieldOutOfRange)),
        ("0044-03-15 12:00:00 BC", .success("0044-03-15 12:00:00 BC")),
        ("infinity", .success("infinity")),
        ("-infinity", .success("-infinity")),
        ("294276-12-31 23:59:59.999999", .success("294276-12-31 23:59:59.999999")),
        ("294277-01-01 00:00:00", .failure(.outOfRange)),
        ("4714-11-24 00:00:00 BC", .success("4714-11-24 00:00:00 BC")),
        ("4714-11-23 23:59:59 BC", .failure(.outOfRange)),
        ("2024-01-01 10:00:00Z", .success("2024-01-01 10:00:00")),
        ("2024-01-01 10:00:00+00", .success("2024-01-01 10:00:00")),
        ("1900-01-01 01:02:03.5", .success("1900-01-01 01:02:03.5")),
        ("2024-01-01 1:2:3", .success("2024-01-01 01:02:03")),
        ("2024-01-01 x", .failure(.invalidSyntax)),
    ]

    static let uuid: [Golden] = [
        (
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            .success("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
        ),
        (
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            .success("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
        ),
        (
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            .success("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
        ),
        ("a0eebc999c0b4ef8bb6d6bb9bd380a11", .success("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        (
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
            .success("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
        ),
        (
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            .success("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
        ),
        ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", .failure(.invalidSyntax)),
        ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111", .failure(.invalidSyntax)),
        ("g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", .failure(.invalidSyntax)),
        ("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", .failure(.invalidSyntax)),
        ("", .failure(.invalidSyntax)),
    ]

    static let bytea: [Golden] = [
        ("\\x00ff10", .success("\\x00ff10")),
        ("\\xDEADBEEF", .success("\\xdeadbeef")),
        ("\\x de ad\nbe", .success("\\xdeadbe")),
        ("\\x", .success("\\x")),
        ("", .success("\\x")),
        ("\\x1", .failure(.invalidSyntax)),
        ("\\xzz", .failure(.invalidSyntax)),
        ("abc", .success("\\x616263")),
        ("a\\\\b", .success("\\x615c62")),
        ("\\001\\377", .success("\\x01ff")),
        ("\\400", .failure(.invalidSyntax)),
        ("\\0", .failure(.invalidSyntax)),
        ("\\", .failure(.invalidSyntax)),
        ("\\x1 2", .failure(.invalidSyntax)),
        ("ż", .success("\\xc5bc")),
    ]
}
