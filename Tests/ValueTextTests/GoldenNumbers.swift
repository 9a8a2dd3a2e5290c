/// A text, and what PostgreSQL 15 answered when it was cast to a type and printed.
typealias Golden = (text: String, result: Result<String, Refusal>)

/// The kinds of refusal that PostgreSQL's SQLSTATE tells apart.
enum Refusal: Error, Equatable {
    case invalidSyntax, outOfRange, fieldOutOfRange
}

/// Numbers, as PostgreSQL reads and prints them.
enum GoldenNumbers {
    static let smallint: [Golden] = [
        ("0", .success("0")),
        ("-1", .success("-1")),
        ("+7", .success("7")),
        (" 12 ", .success("12")),
        ("32767", .success("32767")),
        ("32768", .failure(.outOfRange)),
        ("-32768", .success("-32768")),
        ("-32769", .failure(.outOfRange)),
        ("", .failure(.invalidSyntax)),
        ("-", .failure(.invalidSyntax)),
        ("1.0", .failure(.invalidSyntax)),
        ("abc", .failure(.invalidSyntax)),
        ("1 2", .failure(.invalidSyntax)),
        ("00012", .success("12")),
    ]

    static let integer: [Golden] = [
        ("2147483647", .success("2147483647")),
        ("2147483648", .failure(.outOfRange)),
        ("-2147483648", .success("-2147483648")),
        ("-2147483649", .failure(.outOfRange)),
        ("007", .success("7")),
        ("\t5\n", .success("5")),
    ]

    static let bigint: [Golden] = [
        ("9223372036854775807", .success("9223372036854775807")),
        ("9223372036854775808", .failure(.outOfRange)),
        ("-9223372036854775808", .success("-9223372036854775808")),
        ("-9223372036854775809", .failure(.outOfRange)),
        ("123456789012345678", .success("123456789012345678")),
        ("000000000000000000000001", .success("1")),
        ("99999999999999999999999", .failure(.outOfRange)),
    ]

    static let doublePrecision: [Golden] = [
        ("0", .success("0")),
        ("-0", .success("-0")),
        ("1", .success("1")),
        ("0.1", .success("0.1")),
        ("1e20", .success("1e+20")),
        ("1e15", .success("1e+15")),
        ("123456789012345", .success("123456789012345")),
        ("1234567890123456", .success("1.234567890123456e+15")),
        ("1e-4", .success("0.0001")),
        ("1e-5", .success("1e-05")),
        ("0.00012345", .success("0.00012345")),
        ("1e23", .success("9.999999999999999e+22")),
        ("9007199254740993", .success("9.007199254740992e+15")),
        ("5e-324", .success("5e-324")),
        ("2.2250738585072014e-308", .success("2.2250738585072014e-308")),
        ("1.7976931348623157e308", .success("1.7976931348623157e+308")),
        ("1e309", .failure(.outOfRange)),
        ("1e-400", .failure(.outOfRange)),
        ("NaN", .success("NaN")),
        ("Infinity", .success("Infinity")),
        ("-inf", .success("-Infinity")),
        ("+Infinity", .success("Infinity")),
        ("1.", .success("1")),
        (".5", .success("0.5")),
        (".", .failure(.invalidSyntax)),
        ("1e", .failure(.invalidSyntax)),
        ("1e+", .failure(.invalidSyntax)),
        ("e5", .failure(.invalidSyntax)),
        ("1.5e3", .success("1500")),
        (" 42 ", .success("42")),
        ("1 2", .failure(.invalidSyntax)),
        ("123456789.123456789", .success("123456789.12345679")),
        ("0.30000000000000004", .success("0.30000000000000004")),
        ("100", .success("100")),
        ("1e5", .success("100000")),
        ("8.41", .success("8.41")),
        ("179769313486231570000000000000000000000", .success("1.7976931348623156e+38")),
        ("4.35", .success("4.35")),
        ("2.5e-10", .success("2.5e-10")),
        ("nan", .success("NaN")),
        ("infinityx", .failure(.invalidSyntax)),
        ("-NaN", .success("NaN")),
        ("1e0000000000001", .success("10")),
        ("0.1e1", .success("1")),
        ("2.47e-324", .failure(.outOfRange)),
        ("2.5e-324", .success("5e-324")),
        ("7205759403792793200001e-5", .success("7.205759403792794e+16")),
        ("6189700196426901374495621120", .success("6.189700196426901e+27")),
    ]

    static let real: [Golden] = [
        ("0.1", .success("0.1")),
        ("1e6", .success("1e+06")),
        ("123456", .success("123456")),
        ("1234567", .success("1.234567e+06")),
        ("16777217", .success("1.6777216e+07")),
        ("3.4028235e38", .success("3.4028235e+38")),
        ("3.5e38", .failure(.outOfRange)),
        ("1e-45", .success("1e-45")),
        ("1e-46", .failure(.outOfRange)),
        ("7e-46", .failure(.outOfRange)),
        ("1.17549435e-38", .success("1.1754944e-38")),
        ("-2.5", .success("-2.5")),
        ("33554431", .success("3.3554432e+07")),
        ("NaN", .success("NaN")),
        ("0.3", .success("0.3")),
        ("1e-5", .success("1e-05")),
        ("8388608.5", .success("8.388608e+06")),
        ("1.00000017881393432617187499", .success("1.0000001")),
    ]
}
