use larder::cached;

#[cached]
fn serve(port: u16) -> ! {
    panic!("{port}")
}

fn main() {}
